# node with 64 workers at once, each with WebAssembly instances: over 10,000 VMAs.
packages='nodejs'
prepare() {
	cat >"$work/workers.js" <<'EOF'
const { Worker, isMainThread } = require('worker_threads');
if (isMainThread) {
	const shared = new SharedArrayBuffer(4);
	for (let i = 0; i < 64; i++) new Worker(__filename, { workerData: shared });
} else {
	const at = new Int32Array(require('worker_threads').workerData);
	const module = new WebAssembly.Module(new Uint8Array([
		0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1,
		7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11]));
	const kept = [];
	for (let i = 0; i < 60; i++) kept.push(new WebAssembly.Instance(module));
	Atomics.add(at, 0, 1);
	Atomics.notify(at, 0);
	for (let n; (n = Atomics.load(at, 0)) < 64; ) Atomics.wait(at, 0, n, 1000);
}
EOF
}
subject=(node "$work/workers.js")
