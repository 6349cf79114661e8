# What do several threads do at a time, by index and locking?
# needs: threads-fault threads-fault-beside-mmap threads-mix-10-1 threads-page_fault1
load 'style.gp'
load 'data/threads.gp'
index_of(i) = word(curves, i)[1:strstrt(word(curves, i), '/') - 1]
locking_of(i) = word(curves, i)[strstrt(word(curves, i), '/') + 1:*]
# the colour is the index's, dots and points are the locking's
known_curve(i) = strstrt(known, ' '.index_of(i).' ')
colour(i) = known_curve(i) ? words(known[1:known_curve(i)]) + 1 : 15
lockings = 'none mmap_lock per-vma rcu range'
place_in(l) = strstrt(' '.lockings.' ', ' '.l.' ')
kind(i) = place_in(locking_of(i)) ? words((' '.lockings)[1:place_in(locking_of(i))]) + 1 : 6
n = words(curves)
set output 'threads.svg'
set terminal svg size 1100,800 font 'sans,15' background '#ffffff' noenhanced
set multiplot layout 2,2 margins 0.065,0.745,0.09,0.87 spacing 0.07,0.15 \
	title 'operations a second against the number of threads' font 'sans,17'
unset logscale x
set logscale y
set format x '%.0f'
set xrange [0.8:*]
set yrange [*:*]
set xtics 1
data(workload) = sprintf('data/threads-%s.dat', workload)
set title 'faults at random VMAs'
plot for [i=1:n] data('fault') index i-1 using 1:2 with linespoints ls colour(i) dt kind(i) pt kind(i) notitle
set title 'the same; from two threads on one of them maps and unmaps'
plot for [i=1:n] data('fault-beside-mmap') index i-1 using 1:2 with linespoints ls colour(i) dt kind(i) pt kind(i) notitle
set title 'ten faults to one munmap and mmap, all threads'
set xlabel 'threads'
plot for [i=1:n] data('mix-10-1') index i-1 using 1:2 with linespoints ls colour(i) dt kind(i) pt kind(i) notitle
set title 'first writes to new pages'
plot for [i=1:n] data('page_fault1') index i-1 using 1:2 with linespoints ls colour(i) dt kind(i) pt kind(i) notitle
set lmargin at screen 0.01
set rmargin at screen 0.99
set bmargin at screen 0.01
set tmargin at screen 0.99
unset title
unset xlabel
unset border
unset tics
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
set key right center vertical maxcols 1 samplen 3 spacing 1.1
plot for [i=1:n] NaN with linespoints ls colour(i) dt kind(i) pt kind(i) title word(curves, i)
unset multiplot
