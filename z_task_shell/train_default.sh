#!/usr/bin/env bash
# Train a general model without any human label, as the default model was made:
#     bash z_task_shell/train_default.sh OUT PHOTOS [PHOTOS ...]
# OUT gets everything; PHOTOS: folders of sharp, clean photographs, some hundreds in all.
# START=FILE: weights to start from (default: pretrained/laboratory.pth; START=imagenet: ImageNet weights).
# EXCLUDE="PATTERN ...": file names that are left out. IMPERFECT=FILE: names of photographs with noise of their own.
# GROUPS_PER_PHOTO (default 3), EPOCHS (5): how much of it.
# Steps that are done are skipped; an interrupted training continues where it stopped.
out="$(realpath -m "${1:?usage: bash z_task_shell/train_default.sh OUT PHOTOS [PHOTOS ...]}")"
shift
photos=()
for folder in "${@:?name at least one folder of photographs}"; do photos+=("$(realpath "$folder")"); done
[ -n "$IMPERFECT" ] && imperfect=(--imperfect "$(realpath "$IMPERFECT")")
[ -n "$EXCLUDE" ] && set -f && exclude=(--exclude $EXCLUDE) && set +f
[ "${START:-}" = imagenet ] || start="$(realpath "${START:-"$(dirname "${BASH_SOURCE[0]}")/../pretrained/laboratory.pth"}")"
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt

arch=efficientnet_lite0_multi_level
data="$out/recipes"

echo "== 1/5 recipes: damaged photographs that are made when they are read, and their labels"
"$python" utils/data_generate/recipe_generator.py --refs "${photos[@]}" "${exclude[@]}" "${imperfect[@]}" \
    --out "$data" --groups "${GROUPS_PER_PHOTO:-3}"

echo "== 2/5 training"
if [ ! -f "$out/trained" ]; then
    if [ -f "$out/training/checkpoint_$arch.pth" ]; then
        "$python" main.py --train -a $arch --continue --checkpoint_dir "$out/training"
    else
        first=(--resume "$start")
        [ -n "$start" ] || first=(--pretrained)
        "$python" main.py --train -a $arch "${first[@]}" --criterion regress --rank_weight 1 --group_size 6 \
            --view whole --image_size 512 512 --train_crop 224 --data "$data" -b 24 --epochs "${EPOCHS:-5}" \
            --warmup 0 --lr 5e-4 --schedule cosine --ema 0.995 -j 2 --cache disk --amp "${AMP:-no}" \
            --save_every 100 --checkpoint_dir "$out/training" --logdir "$out/logs"
    fi
    touch "$out/trained"
fi

echo "== 3/5 calibrate: percentiles of the scores of val"
"$python" main.py --calibrate --resume "$out/training/model_best_$arch.pth" --data "$data" --checkpoint_dir "$out"
model="$out/calibrated_$arch.pth"

echo "== 4/5 evaluation on photographs that were never seen"
"$python" main.py -e --resume "$model" --data "$data" --logdir "$out/logs"

echo "== 5/5 half precision, as PyTorch and as ONNX file"
"$python" main.py --export half,onnx-half --resume "$model" --checkpoint_dir "$out" --data "$data" \
    --license "${LICENSE:-not stated}" --provenance "${PROVENANCE:-z_task_shell/train_default.sh}"
echo "$out: use the files by --resume and --model, or put them in the place of pretrained/default.pth and rankiqa/default.onnx"
