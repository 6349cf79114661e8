# Which VMA holds an address?
# needs: find-dependent-no-touch find-independent-no-touch find-local-no-touch find-dependent-touch
load 'style.gp'
set output 'find.svg'
set multiplot layout 2,2 margins 0.09,0.98,0.17,0.92 spacing 0.09,0.15 \
	title 'find: ns per operation against the number of VMAs'
set yrange [1:10000]
set ylabel 'ns'
lines(file) = sprintf('data/%s.dat', file)
set title 'one after the other (dependent)'
plot for [i=1:n] lines('find-dependent-no-touch') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'overlapping (independent)'
plot for [i=1:n] lines('find-independent-no-touch') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title '90 % near the one before (dependent)'
plot for [i=1:n] lines('find-local-no-touch') index i-1 using 1:2 with linespoints ls i title word(names, i)
set title 'and the VMA found is read (dependent)'
set key at screen 0.5,0.035 center horizontal
plot for [i=1:n] lines('find-dependent-touch') index i-1 using 1:2 with linespoints ls i title word(names, i)
unset multiplot
