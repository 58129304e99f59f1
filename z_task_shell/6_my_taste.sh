#!/usr/bin/env bash
# From votes on pairs of your own photographs to a model of your taste, in minutes on two cores:
#     rankiqa label FOLDER --votes votes.csv
#     bash z_task_shell/6_my_taste.sh FOLDER votes.csv [OUT]
# The last layer of the default model learns from the votes; OUT (my_taste) gets the labels, the weights, the ONNX file
# and a curve that says whether more votes would help. After more votes the same command starts from what it has kept.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
if [ $# -lt 2 ]; then
    echo "usage: bash z_task_shell/6_my_taste.sh FOLDER votes.csv [OUT]" >&2
    exit 2
fi
folder=$1 votes=$2 out=${3:-my_taste}
arch=efficientnet_lite0_multi_level
common=(--data "$out/data" --checkpoint_dir "$out/checkpoints" --logdir "$out/logs" -g 0)

echo "== 1/3 votes become labels; an image stays in one split"
"$python" utils/prepare_dataset.py votes --votes "$votes" --images "$folder" --out "$out/data" --model logistic
if [ ! -f "$out/data/train/label.txt" ] || [ ! -f "$out/data/val/label.txt" ]; then
    echo "error: $votes: too few votes to judge a model by: none is on two images that are held out;" \
        "answer more pairs, of a folder of 60 photographs or more" >&2
    exit 2
fi

echo "== 2/3 the last layer learns from features that are computed once"
rm -f "$out/checkpoints/model_best_$arch.pth" # of earlier votes
"$python" main.py --train --learning_curve --config z_task_shell/my_taste.yaml "${common[@]}"

echo "== 3/3 conversion to ONNX, compared with the weights"
"$python" main.py --export onnx --resume "$out/checkpoints/checkpoint_$arch.pth" "${common[@]}"
echo "score with it: rankiqa score $folder --model $out/checkpoints/$arch.onnx"
