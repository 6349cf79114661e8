# What do changes cost?
# needs: churn-aged split-merge-aged munmap-many-aged fork-bulk
load 'style.gp'
set output 'churn.svg'
set multiplot layout 2,2 margins 0.065,0.785,0.11,0.87 spacing 0.07,0.15 \
	title 'changes: ns per operation against the number of VMAs' font 'sans,17'
set yrange [1:1000000]
data(case) = sprintf('data/%s.dat', case)
set title 'erase here and insert there'
plot for [i=1:n] data('churn-aged') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'split into three and merge back'
plot for [i=1:n] data('split-merge-aged') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'munmap across up to 64 VMAs'
set xlabel 'VMAs'
plot for [i=1:n] data('munmap-many-aged') index i-1 using 1:2 with linespoints ls style(i) notitle
set title 'fork, per VMA'
plot for [i=1:n] data('fork-bulk') index i-1 using 1:2 with linespoints ls style(i) notitle
load 'key.inc'
unset multiplot
