# What do recorded programs take of each index, against rbtree?
# needs: programs
load 'style.gp'
set output 'programs.svg'
set terminal svg size 1300,1100 font 'sans,15' background '#ffffff' noenhanced
half = (rows + 1) / 2
unset grid
set grid xtics ytics lc rgb '#dddddd' lt 1
unset logscale x
set format y '%g'
set ytics (0.25, 0.5, 1, 2, 4, 8, 16)
set yrange [0.25:20]
set xtics rotate by -30 left scale 0
set multiplot layout 2,1 margins 0.045,0.83,0.12,0.92 spacing 0,0.16 \
	title 'recorded programs, by peak VMAs: time of all index calls, as a multiple of rbtree''s' font 'sans,17'
set label 1 'points above 20 are not drawn' at graph 1,1.04 right font 'sans,13' textcolor rgb '#555555'
do for [panel=0:1] {
	set xrange [panel * half - 0.6:panel * half + half - 0.4]
	if (panel == 1) { unset label 1 }
	plot 'data/programs.dat' using 0:(1):xtic(1) with lines lc rgb '#555555' lw 1 dt 2 notitle, \
	     for [i=1:n] 'data/programs.dat' using 0:i+1 with points ls style(i) notitle
}
load 'key.inc'
unset multiplot
