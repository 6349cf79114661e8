# perl: hashes, strings and regular expressions; a heap that grows by brk.
packages='perl'
subject=(perl -e 'my %h; for my $i (1 .. 60000) { $h{"k$i"} = "v" x ($i % 60); } my $n = 0;
for (values %h) { $n++ if /v{30,}/; } print "$n\n"; my $s = ""; $s .= "x" x 100 for 1 .. 50000; print length $s, "\n";')
