# What does an index take of memory?
# needs: memory
load 'style.gp'
set output 'memory.svg'
set terminal svg size 1000,500 font 'sans,15' background '#ffffff' noenhanced
set multiplot layout 1,2 margins 0.065,0.785,0.16,0.8 spacing 0.07,0.15 \
	title 'bytes per VMA, nodes inside the VMAs included' font 'sans,17'
unset logscale y
set format y '%g'
set ytics 20
set yrange [0:*]
set xlabel 'VMAs'
set title 'fresh: built in one go'
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'aged: after more moves than VMAs'
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:3 with linespoints ls style(i) notitle
load 'key.inc'
unset multiplot
