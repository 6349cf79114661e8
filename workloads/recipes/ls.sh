# The smallest everyday program: one process, a few dozen calls.
packages='coreutils'
subject=(ls -la /usr/bin)
