# Where is there room?
# needs: gap-up-deep gap-down-deep gap-up-first gap-down-first
load 'style.gp'
set output 'gap.svg'
set multiplot layout 2,2 margins 0.09,0.98,0.17,0.92 spacing 0.09,0.15 \
	title 'find_gap: ns per operation against the number of VMAs'
set yrange [1:10000]
set ylabel 'ns'
lines(file) = sprintf('data/%s.dat', file)
set title 'bottom-up, room only deep in the space'
plot for [i=1:n] lines('gap-up-deep') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'top-down, room only deep in the space'
plot for [i=1:n] lines('gap-down-deep') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'bottom-up, first fit at the end'
plot for [i=1:n] lines('gap-up-first') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'top-down, first fit at the end'
set key at screen 0.5,0.035 center horizontal
plot for [i=1:n] lines('gap-down-first') index i-1 using 1:2 with linespoints ls i title word(names, i)
unset multiplot
