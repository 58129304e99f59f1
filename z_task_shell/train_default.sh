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
# Training on recipes alone forgets some of what START knew; the mean of both weights knows what both know
# (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022), and a last epoch on recipes of another
# seed makes one model of it, of which a fifth of START is mixed in again. From ImageNet weights there is nothing
# to forget, and the means are left out.
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
settings="start=$start groups=${GROUPS_OF_SIX:-8} epochs=${EPOCHS:-3} crop=${CROP:-192} batch=${BATCH:-24} lr=${LR:-5e-4} amp=${AMP:-no}"
mkdir -p "$out"
if [ -f "$out/settings" ] && [ "$settings" != "$(cat "$out/settings")" ]; then
    echo "train_default.sh: error: $out was made with $(cat "$out/settings"), not $settings; choose another OUT" >&2
    exit 2
fi
echo "$settings" > "$out/settings"

make_recipes() { # folder groups seed
    "$python" utils/data_generate/recipe_generator.py --refs "${refs[@]}" --out "$1" --groups "$2" --seed "$3" \
        --metric mdsi,haarpsi ${options[@]+"${options[@]}"}
}

train() { # folder recipes epochs lr weights...
    local folder="$1" recipes="$2" epochs="$3" lr="$4"
    shift 4
    [ -f "$folder/done" ] && return
    if [ -f "$folder/checkpoint_$arch.pth" ]; then
        "$python" main.py --train -a $arch --continue --checkpoint_dir "$folder"
    else
        "$python" main.py --train -a $arch "$@" --criterion regress --rank_weight 1 --group_size 6 \
            --view whole --image_size 512 512 --train_crop "${CROP:-192}" --data "$recipes" -b "${BATCH:-24}" \
            --epochs "$epochs" --warmup 0 --lr "$lr" --schedule cosine --ema 0.995 -j "$(nproc)" --cache disk \
            --amp "${AMP:-no}" --save_every 100 --checkpoint_dir "$folder" --logdir "$out/logs"
    fi
    touch "$folder/done"
}

groups="${GROUPS_OF_SIX:-8}"
echo "== 1/6 recipes: damaged photographs that are made when they are read, and their labels"
make_recipes "$out/recipes" "$groups" 0
make_recipes "$out/other_recipes" "$(((groups + 1) / 2))" 1

echo "== 2/6 training"
weights=(--resume "$start")
[ "$start" = imagenet ] && weights=(--pretrained)
train "$out/training" "$out/recipes" "${EPOCHS:-3}" "${LR:-5e-4}" "${weights[@]}"
trained="$out/training/model_best_$arch.pth"

echo "== 3/6 mean with the weights that training started from, and an epoch on other recipes"
if [ "$start" != imagenet ]; then
    "$python" utils/average_models.py "$trained" "$start" --view_of_first --out "$out/mean.pth"
    trained="$out/mean.pth"
fi
train "$out/last_epoch" "$out/other_recipes" 1 2e-4 --resume "$trained"

trained="$out/last_epoch/model_best_$arch.pth"
if [ "$start" != imagenet ]; then
    "$python" utils/average_models.py "$trained" "$start" --view_of_first --weights 0.8 0.2 \
        --renew_norm "$out/recipes" --out "$out/last_mean.pth"
    trained="$out/last_mean.pth"
fi

echo "== 4/6 calibrate: percentiles of the scores of val"
"$python" main.py --calibrate --resume "$trained" --data "$out/recipes" --checkpoint_dir "$out"
model="$out/calibrated_$arch.pth"

echo "== 5/6 evaluation on photographs that training never saw"
"$python" main.py -e --resume "$model" --data "$out/recipes/val" --logdir "$out/logs"

echo "== 6/6 half precision, for PyTorch and as ONNX file"
"$python" main.py --export half onnx-half --resume "$model" --checkpoint_dir "$out" --data "$out/recipes/val" \
    --license "${LICENSE:-${LICENCE:-not stated}}" --provenance "${PROVENANCE:-z_task_shell/train_default.sh}"
echo "$out: name the files by --resume and --model, or put them in the place of pretrained/default.pth and rankiqa/default.onnx"
