#!/usr/bin/env bash
# From votes on pairs of your own photographs to a model of your taste, in minutes on two cores:
#     rankiqa label FOLDER --votes votes.csv
#     bash z_task_shell/6_my_taste.sh FOLDER votes.csv [OUT]
# The last layer of the default model learns from the votes; OUT (my_taste) gets the labels, the weights and the ONNX file.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
if [ $# -lt 2 ]; then
    echo "usage: bash z_task_shell/6_my_taste.sh FOLDER votes.csv [OUT]" >&2
    exit 2
fi
folder=$1 votes=$2 out=${3:-my_taste}
arch=efficientnet_lite0_multi_level
best=$out/checkpoints/model_best_$arch.pth
common=(--data "$out/data" --checkpoint_dir "$out/checkpoints" --logdir "$out/logs" -g 0)

echo "== 1/4 votes become labels; an image stays in one split"
"$python" utils/prepare_dataset.py votes --votes "$votes" --images "$folder" --out "$out/data" --model logistic \
    --split 0.7 0.15 0.15

echo "== 2/4 the last layer learns from features that are computed once"
"$python" main.py --train -a $arch --resume pretrained/default.pth --criterion rank --rank_loss logistic \
    --view whole --image_size 512 512 --freeze_backbone 40 --epochs 40 --cache features --warmup 0 --lr 1e-2 \
    --schedule cosine -b 16 "${common[@]}"

echo "== 3/4 evaluation on images that it has not learned from"
if [ -f "$out/data/test/label.txt" ]; then
    "$python" main.py -e --resume "$best" "${common[@]}"
else
    echo "no vote is on two images that were kept for this: too few votes to judge the model by"
fi

echo "== 4/4 conversion to ONNX, compared with the weights"
"$python" main.py --export onnx --resume "$best" "${common[@]}"
echo "score with it: rankiqa score $folder --model $out/checkpoints/$arch.onnx"
