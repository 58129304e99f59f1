#!/usr/bin/env bash
# Train a general model without any human label, as the default model was made:
#     bash z_task_shell/train_default.sh PHOTOS [OUT]
# PHOTOS: a folder of sharp, clean photographs, a few hundred. OUT (default: default_model) gets everything.
# Steps that are done are skipped; an interrupted training goes on where it stopped.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt

photos="${1:?usage: bash z_task_shell/train_default.sh PHOTOS [OUT]}"
out="${2:-default_model}"
arch=efficientnet_lite0
best=model_best_$arch.pth
generate=("$python" utils/data_generate/live_generator.py --refs "$photos" --split 0.8 0.1 0.1 --set all --types_per_scene 8)

train() { # NAME, flags: train into OUT/NAME unless that is done, going on with what is there
    local name=$1 resume=()
    shift
    [ -f "$out/$name/done" ] && return
    [ -f "$out/$name/checkpoint_$arch.pth" ] && resume=(--continue)
    if [ ${#resume[@]} -gt 0 ]; then
        "$python" main.py --train -a $arch --continue --checkpoint_dir "$out/$name"
    else
        "$python" main.py --train -a $arch --warmup 0 --schedule cosine -j 1 --save_every 50 \
            --checkpoint_dir "$out/$name" --logdir "$out/logs" "$@"
    fi
    touch "$out/$name/done"
}

echo "== 1/6 distorted copies in 48 types: pairs, and the same with pseudo-MOS of full-reference metrics"
"${generate[@]}" --out "$out/rank" --label rank
"${generate[@]}" --out "$out/regress" --label regress

echo "== 2/6 rank"
train ck_rank --pretrained --criterion rank --data "$out/rank" --view patches -b 90 --epochs 2 --lr 5e-4

echo "== 3/6 regress on the pseudo-MOS, from the rank model"
train ck_regress --resume "$out/ck_rank/$best" --criterion regress --data "$out/regress" --view patches -b 32 \
    --epochs 4 --lr 5e-4 --ema 0.99

echo "== 4/6 the last layer, and the percentiles, for whole pictures at 384 x 384"
train ck_fit --resume "$out/ck_regress/$best" --criterion regress --data "$out/regress" --view fit --image_size 384 384 \
    -b 32 --epochs 1 --freeze_backbone 1 --lr 3e-4

echo "== 5/6 evaluation on scenes that were never seen, and behaviour"
"$python" main.py -e --resume "$out/ck_fit/$best" --data "$out/regress" --logdir "$out/logs"
"$python" main.py -e --behaviour "$out/regress/test/refimgs" --resume "$out/ck_fit/$best" --logdir "$out/logs"

echo "== 6/6 half precision"
"$python" main.py --export half --resume "$out/ck_fit/$best" --checkpoint_dir "$out" --data "$out/regress" \
    --licence "${LICENCE:-not stated}" --provenance "${PROVENANCE:-z_task_shell/train_default.sh}"
echo "$out/${arch}_half.pth: use it by --resume, or put it in the place of pretrained/default.pth"
