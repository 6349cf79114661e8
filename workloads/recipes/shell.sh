# A shell script: 60 pipelines of small programs, most processes living a millisecond.
packages='dash coreutils'
subject=(sh -c 'i=0; while [ $i -lt 60 ]; do ls /usr/bin | sort -r | head -5 | wc -l >/dev/null; i=$((i+1)); done')
