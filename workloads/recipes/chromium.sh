# chromium, headless, rendering a page with a script: many processes, V8 and its cages.
packages='chromium'
prepare() {
	echo '<h1>x</h1><script>let a=[];for(let i=0;i<2e5;i++)a.push({i});document.title=a.length</script>' \
		>"$work/page.html"
}
subject=(chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
	 --disable-background-networking --disable-component-update --disable-sync
	 --user-data-dir="$work/profile" --dump-dom "file://$work/page.html")
