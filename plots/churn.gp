# What do changes cost?
# needs: churn-aged split-merge-aged munmap-many-aged fork-bulk
load 'style.gp'
set output 'churn.svg'
set multiplot layout 2,2 margins 0.09,0.98,0.17,0.92 spacing 0.09,0.15 \
	title 'changes: ns per operation against the number of VMAs'
set yrange [1:100000]
set ylabel 'ns'
lines(file) = sprintf('data/%s.dat', file)
set title 'erase here and insert there'
plot for [i=1:n] lines('churn-aged') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'split into three and merge back'
plot for [i=1:n] lines('split-merge-aged') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'munmap across up to 64 VMAs'
plot for [i=1:n] lines('munmap-many-aged') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'fork, per VMA'
set key at screen 0.5,0.035 center horizontal
plot for [i=1:n] lines('fork-bulk') index i-1 using 1:2 with linespoints ls i title word(names, i)
unset multiplot
