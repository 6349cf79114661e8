# bash that forks 400 subshells, three levels deep here and there: copies of address spaces, little else.
packages='bash'
subject=(bash -c 'for i in {1..400}; do (x=$i; ((i % 8)) || (y=$x; (z=$y)); :); done')
