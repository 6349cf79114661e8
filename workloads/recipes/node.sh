# node with 8 worker threads that compile and run WebAssembly and make garbage.
packages='nodejs'
prepare() {
	cat >"$work/workers.js" <<'EOF'
const { Worker, isMainThread } = require('worker_threads');
if (isMainThread) {
	for (let i = 0; i < 8; i++) new Worker(__filename);
} else {
	const module = new WebAssembly.Module(new Uint8Array([
		0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1,
		7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11]));
	let sum = 0, kept = [];
	for (let i = 0; i < 40; i++) sum += new WebAssembly.Instance(module).exports.f();
	for (let i = 0; i < 30000; i++) kept[i % 5000] = { i, text: 'x'.repeat(i % 200) };
	JSON.parse(JSON.stringify(kept));
}
EOF
}
subject=(node "$work/workers.js")
