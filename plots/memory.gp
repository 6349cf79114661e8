# What does an index take of memory?
# needs: memory
load 'style.gp'
set output 'memory.svg'
set terminal svg size 1000,480 font 'sans,15' background '#ffffff' noenhanced
set multiplot layout 1,2 margins 0.09,0.98,0.26,0.86 spacing 0.09,0.15 \
	title 'bytes per VMA, nodes inside the VMAs included'
unset logscale y
set yrange [0:120]
set ylabel 'bytes per VMA'
set title 'fresh: built in one go'
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'aged: after as many moves as VMAs'
set key at screen 0.5,0.05 center horizontal
plot for [i=1:n] 'data/memory.dat' index i-1 using 1:3 with linespoints ls i title word(names, i)
unset multiplot
