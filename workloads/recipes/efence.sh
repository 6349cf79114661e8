# perl under Electric Fence: each allocation between two guard pages, over 20,000 VMAs.
packages='perl electric-fence'
subject=(env EF_ALLOW_MALLOC_0=1 LD_PRELOAD=libefence.so.0.0 perl -e '
my %h; for my $i (1 .. 900) { $h{$i} = [map { "v$_" } 1 .. $i % 11]; }
for my $i (1 .. 900) { delete $h{$i} if $i % 3; }')
