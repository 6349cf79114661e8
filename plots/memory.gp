# What does an index take of memory?
# needs: memory
load 'style.gp'
set output 'memory.svg'
set terminal svg size 1000,500 font 'sans,15' background '#ffffff' noenhanced
set multiplot layout 1,2 margins 0.07,0.98,0.25,0.8 spacing 0.07,0.15 \
	title 'bytes per VMA, nodes inside the VMAs included' font 'sans,17'
unset logscale y
set format y '%g'
set ytics 20
set yrange [0:*]
set xlabel 'VMAs'
set title 'fresh: built in one go'
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'aged: after more moves than VMAs'
set key at screen 0.5,0.05 center horizontal maxrows 1
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:3 with linespoints ls i title word(names, i)
unset multiplot
