# What all plots share: readable text, colours that colour-blind people can tell apart.
# data/indexes.gp, which `vmabench plot` writes, sets n and names.
load 'data/indexes.gp'

set terminal svg size 1000,800 font 'sans,15' background '#ffffff' noenhanced
set datafile missing 'NaN'
# each index has a style of its own, whatever others are drawn: ours thick, peers thin
known = ' btree rbtree radix array list static-stree linux-maple linux-maple-rcu linux-rbtree judy absl-btree critnib std-map maple '
place_of(name) = strstrt(known, ' '.name.' ')
style(i) = place_of(word(names, i)) ? words(known[1:place_of(word(names, i))]) + 1 : 14 + i
set style line 1  lc rgb '#d55e00' lw 3 pt 7  ps 1.0
set style line 2  lc rgb '#000000' lw 3 pt 13 ps 1.2
set style line 3  lc rgb '#cc79a7' lw 3 pt 11 ps 1.1
set style line 4  lc rgb '#0072b2' lw 3 pt 5  ps 0.9
set style line 5  lc rgb '#009e73' lw 3 pt 9  ps 1.1
set style line 6  lc rgb '#999999' lw 1.5 dt 3 pt 3  ps 0.9
set style line 7  lc rgb '#e69f00' lw 1.5 dt 2 pt 4  ps 1.0
set style line 8  lc rgb '#e69f00' lw 1.5 dt 4 pt 1  ps 1.0
set style line 9  lc rgb '#000000' lw 1.5 dt 2 pt 12 ps 1.2
set style line 10 lc rgb '#cc79a7' lw 1.5 dt 2 pt 10 ps 1.0
set style line 11 lc rgb '#56b4e9' lw 1.5 dt 2 pt 6  ps 1.0
set style line 12 lc rgb '#7a3db8' lw 1.5 dt 2 pt 8  ps 1.0
set style line 13 lc rgb '#8b5a2b' lw 1.5 dt 2 pt 2  ps 0.9
set style line 14 lc rgb '#6a00a8' lw 3 pt 15 ps 1.0
set border 3 lc rgb '#555555'
set tics nomirror out
set grid xtics ytics lc rgb '#dddddd' lt 1
unset mxtics
unset mytics

# cost or bytes against the number of VMAs
set logscale xy
set format x '%.0s%c'
set format y '%.0s%c'
set ytics 10
set xrange [60:2000000]
unset key
