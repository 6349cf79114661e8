# Where is there room?
# needs: gap-up-deep gap-down-deep gap-up-first gap-down-first
load 'style.gp'
set output 'gap.svg'
set multiplot layout 2,2 margins 0.065,0.785,0.11,0.87 spacing 0.07,0.15 \
	title 'find_gap: ns per operation against the number of VMAs' font 'sans,17'
set yrange [1:100000]
data(case) = sprintf('data/%s.dat', case)
set title 'bottom-up, room only deep in the space'
plot for [i=1:n] data('gap-up-deep') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'top-down, room only deep in the space'
plot for [i=1:n] data('gap-down-deep') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'bottom-up, room near the end'
set xlabel 'VMAs'
plot for [i=1:n] data('gap-up-first') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'top-down, room near the end'
plot for [i=1:n] data('gap-down-first') index i-1 using 1:2 with linespoints ls style(i) notitle
load 'key.inc'
unset multiplot
