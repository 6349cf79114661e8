# What do recorded programs take of each index, against rbtree?
# needs: programs
load 'style.gp'
set output 'programs.svg'
set terminal svg size 1300,1000 font 'sans,15' background '#ffffff' noenhanced
top = 3.0
width = 0.84 / n
half = (rows + 1) / 2
place(i) = (i - (n + 1) / 2.0) * width
bar(i) = column(i + 1) < top ? column(i + 1) : top
cut(i) = column(i + 1) < top ? '' : sprintf('%.3g', column(i + 1))
unset logscale
unset grid
set grid ytics lc rgb '#dddddd' lt 1
set format y '%g'
set ytics 0.5
set yrange [0:top * 1.15]
set xtics rotate by -30 left scale 0
set style fill solid 0.9 noborder
set multiplot layout 2,1 margins 0.04,0.94,0.18,0.92 spacing 0,0.17 \
	title 'recorded programs, by peak VMAs: time of all index calls, as a multiple of rbtree''s' font 'sans,17'
set label 1 'bars above 3 are cut off at their number' at graph 1,1.04 right font 'sans,13' textcolor rgb '#555555'
do for [panel=0:1] {
	set xrange [panel * half - 0.6:panel * half + half - 0.5]
	if (panel == 1) { unset label 1; set key at screen 0.5,0.03 center horizontal }
	plot for [i=1:n] 'data/programs.dat' using ($0 + place(i)):(bar(i)):(width * 0.92) with boxes ls i title word(names, i), \
	     for [i=1:n] 'data/programs.dat' using ($0 + place(i)):(bar(i)):(cut(i)) with labels rotate by 90 left offset 0,0.3 font 'sans,12' notitle, \
	     'data/programs.dat' using 0:(1):xtic(1) with lines lc rgb '#555555' lw 1 dt 2 notitle
}
unset multiplot
