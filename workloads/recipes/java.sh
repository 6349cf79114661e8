# java with 2,000 threads at once, and garbage: HotSpot, its guard pages, G1.
packages='default-jdk-headless'
prepare() {
	cat >"$work/Main.java" <<'EOF'
import java.util.concurrent.CountDownLatch;
public class Main {
	public static void main(String[] args) throws Exception {
		final int n = 2000;
		CountDownLatch started = new CountDownLatch(n), go = new CountDownLatch(1);
		Thread[] threads = new Thread[n];
		for (int i = 0; i < n; i++) {
			threads[i] = new Thread(null, () -> {
				started.countDown();
				try { go.await(); } catch (InterruptedException e) { }
				StringBuilder s = new StringBuilder();
				for (int k = 0; k < 1000; k++) s.append(k);
			}, "t" + i, 256 << 10);
			threads[i].start();
		}
		started.await();
		go.countDown();
		for (Thread t : threads) t.join();
		System.out.println("done");
	}
}
EOF
	(cd "$work" && javac Main.java)
}
subject=(java -Xmx256m -cp "$work" Main)
