# What do recorded programs take of each index, against rbtree?
# needs: programs
load 'style.gp'
set output 'programs.svg'
set terminal svg size 1000,560 font 'sans,15' background '#ffffff' noenhanced
unset logscale
unset grid
set grid ytics lc rgb '#dddddd' lt 1
top = 3.0
width = 0.8 / n
place(i) = (i - (n + 1) / 2.0) * width
clip(x) = x < top ? x : top
set title 'recorded programs: time of all index calls, as a multiple of rbtree''s' font 'sans,17'
set format y '%g'
set ytics 0.5
set yrange [0:top * 1.15]
set xrange [-0.6:rows - 0.4]
set xtics rotate by -25 left scale 0
set style fill solid 0.9 noborder
set key below horizontal maxrows 1
set label 1 'bars above 3 are cut off at their number' at graph 1,1.02 right font 'sans,12' textcolor rgb '#555555'
bar(i) = clip(column(i + 1))
plot for [i=1:n] 'data/programs.dat' using ($0 + place(i)):(bar(i)):(width * 0.92) with boxes ls i title word(names, i), \
     for [i=1:n] 'data/programs.dat' using ($0 + place(i)):(bar(i)):(sprintf('%.2g', column(i + 1))) with labels rotate by 90 left offset 0,0.3 font 'sans,10' notitle, \
     'data/programs.dat' using 0:(1):xtic(1) with lines lc rgb '#555555' lw 1 dt 2 notitle
