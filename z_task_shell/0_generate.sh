#!/usr/bin/env bash
# Generate ranked training data from pristine photographs: data/{train,val,test} with label.txt and manifest.csv.
#     bash z_task_shell/0_generate.sh [FOLDER OF PHOTOGRAPHS] [further flags of live_generator.py]
# Without a folder, photographs that installed packages ship are taken.
refs=
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    refs="$(realpath "$1")"  # the scripts run from the project's root
    shift
fi
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
if [ -z "$refs" ]; then
    refs=data/refimgs
    "$python" utils/data_generate/package_photos.py --out "$refs"
fi
"$python" utils/data_generate/live_generator.py --refs "$refs" --out data --split 0.8 0.1 0.1 "$@"
"$python" utils/check_images.py data/train data/val data/test
