#!/usr/bin/env bash
# Train a model for photographs as they are, without any human label, as the default model was made:
#     bash z_task_shell/train_default.sh PHOTOS[:PHOTOS...] [OUT]
# PHOTOS: folders of sharp, clean photographs, some hundreds in all. OUT (default: default_model) gets everything.
# Optional, from the environment:
#     START=FILE            weights to start from (default: pretrained/laboratory.pth); START=imagenet: ImageNet weights
#     EXCLUDE="PATTERN ..." names of photographs that are left out
#     IMPERFECT=FILE        text file with the names of photographs that have noise of their own
#     GROUPS_OF_SIX=8 EPOCHS=3           how much of it
#     CROP=192 BATCH=24 LR=5e-4 AMP=no   for a GPU: CROP=320 BATCH=48 LR=7e-4 AMP=bf16 EPOCHS=12
# Steps that are done are skipped; an interrupted training continues where it stopped.
usage="usage: bash z_task_shell/train_default.sh PHOTOS[:PHOTOS...] [OUT]"
refs=()
IFS=: read -ra folders <<<"${1:?$usage}"
for folder in "${folders[@]}"; do refs+=("$(realpath "$folder")"); done
out="$(realpath -m "${2:-default_model}")"
start="${START:-pretrained/laboratory.pth}"
[ -f "$start" ] && start="$(realpath "$start")"
options=()
[ -n "${IMPERFECT:-}" ] && options+=(--imperfect "$(realpath "$IMPERFECT")")
if [ -n "${EXCLUDE:-}" ]; then
    read -ra patterns <<<"$EXCLUDE"
    options+=(--exclude "${patterns[@]}")
fi
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt

arch=efficientnet_lite0_multi_level
data="$out/recipes"
training="$out/training"

echo "== 1/5 recipes: damaged photographs that are made when they are read, and their labels"
"$python" utils/data_generate/recipe_generator.py --refs "${refs[@]}" --out "$data" --groups "${GROUPS_OF_SIX:-8}" \
    --metric mdsi,haarpsi ${options[@]+"${options[@]}"}

echo "== 2/5 training"
mkdir -p "$training"
settings="start=$start groups=${GROUPS_OF_SIX:-8} epochs=${EPOCHS:-3} crop=${CROP:-192} batch=${BATCH:-24} lr=${LR:-5e-4} amp=${AMP:-no}"
if [ -f "$training/settings" ] && [ "$settings" != "$(cat "$training/settings")" ]; then
    echo "train_default.sh: error: $training was trained with $(cat "$training/settings"), not $settings; choose another OUT" >&2
    exit 2
fi
echo "$settings" > "$training/settings"
if [ ! -f "$training/done" ]; then
    if [ -f "$training/checkpoint_$arch.pth" ]; then
        "$python" main.py --train -a $arch --continue --checkpoint_dir "$training"
    else
        weights=(--resume "$start")
        [ "$start" = imagenet ] && weights=(--pretrained)
        "$python" main.py --train -a $arch "${weights[@]}" --criterion regress --rank_weight 1 --group_size 6 \
            --view whole --image_size 512 512 --train_crop "${CROP:-192}" --data "$data" -b "${BATCH:-24}" \
            --epochs "${EPOCHS:-3}" --warmup 0 --lr "${LR:-5e-4}" --schedule cosine --ema 0.998 -j "$(nproc)" --cache disk \
            --amp "${AMP:-no}" --save_every 100 --checkpoint_dir "$training" --logdir "$out/logs"
    fi
    touch "$training/done"
fi

echo "== 3/5 calibrate: percentiles of the scores of val"
"$python" main.py --calibrate --resume "$training/model_best_$arch.pth" --data "$data" --checkpoint_dir "$out"
model="$out/calibrated_$arch.pth"

echo "== 4/5 evaluation on photographs that training never saw"
"$python" main.py -e --resume "$model" --data "$data/val" --logdir "$out/logs"

echo "== 5/5 half precision, for PyTorch and as ONNX file"
"$python" main.py --export half onnx-half --resume "$model" --checkpoint_dir "$out" --data "$data/val" \
    --license "${LICENSE:-${LICENCE:-not stated}}" --provenance "${PROVENANCE:-z_task_shell/train_default.sh}"
echo "$out: name the files by --resume and --model, or put them in the place of pretrained/default.pth and rankiqa/default.onnx"
