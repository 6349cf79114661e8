# Which VMA holds an address?
# needs: find-dependent-no-touch find-independent-no-touch find-local-no-touch find-dependent-touch
load 'style.gp'
set output 'find.svg'
set multiplot layout 2,2 margins 0.065,0.785,0.11,0.87 spacing 0.07,0.15 \
	title 'find: ns per operation against the number of VMAs' font 'sans,17'
set yrange [1:10000]
data(case) = sprintf('data/%s.dat', case)
set title 'one after the other (dependent)'
plot for [i=1:n] data('find-dependent-no-touch') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'overlapping (independent)'
plot for [i=1:n] data('find-independent-no-touch') index i-1 using 1:2 with linespoints ls style(i) notitle
set title '90 % near the one before (dependent)'
set xlabel 'VMAs'
plot for [i=1:n] data('find-local-no-touch') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'and the VMA found is read (dependent)'
plot for [i=1:n] data('find-dependent-touch') index i-1 using 1:2 with linespoints ls style(i) notitle
load 'key.inc'
unset multiplot
