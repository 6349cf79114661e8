# ffmpeg encoding a synthetic video on several threads: hundreds of shared objects, large frames.
packages='ffmpeg'
subject=(ffmpeg -loglevel error -f lavfi -i testsrc=size=640x360:rate=25 -t 3 -c:v mpeg2video -f null -)
