# What does each part of mm cost recorded programs?
# needs: parts
load 'style.gp'
set output 'parts.svg'
set terminal svg size 1300,700 font 'sans,15' background '#ffffff' noenhanced
set datafile columnheaders
array part[7] = ['no-find-cache', 'no-drivers', 'no-accounting', 'no-rmap', 'no-faults', 'no-merging', 'huge-pages']
array text[7] = ['no find cache', 'no drivers', 'no accounting', 'no rmap', 'no faults', 'no merging', 'with huge pages']
unset grid
set grid xtics ytics lc rgb '#dddddd' lt 1
unset logscale x
stats 'data/parts.dat' using 2 nooutput
set xrange [-0.6:STATS_records - 0.4]
set yrange [0.1:4]
set format y '%g'
set ytics (0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.6, 2, 3, 4)
set xtics rotate by -45 left scale 0
set lmargin at screen 0.05
set rmargin at screen 0.83
set bmargin at screen 0.2
set key outside right center vertical maxcols 1 samplen 3 spacing 1.25
set title 'replay without one part of mm, as a multiple of the whole replay' font 'sans,17'
plot 'data/parts.dat' using 0:(column('whole')):xtic(1) with lines lc rgb '#555555' lw 1 dt 2 notitle, \
     for [i=1:7] 'data/parts.dat' using 0:(column(part[i])) with points ls i title text[i]
