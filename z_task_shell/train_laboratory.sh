#!/usr/bin/env bash
# Train on laboratory damage (LIVE, TID2013, KADID-10k, ...) without any human label, as pretrained/laboratory.pth was made,
# the default model of version 1, from which train_default.sh starts:
#     bash z_task_shell/train_laboratory.sh PHOTOS [OUT]
# PHOTOS: a folder of sharp, clean photographs, a few hundred. OUT (default: laboratory_model) gets everything.
# Steps that are done are skipped; an interrupted training continues where it stopped.
photos="$(realpath "${1:?usage: bash z_task_shell/train_laboratory.sh PHOTOS [OUT]}")"
out="$(realpath -m "${2:-laboratory_model}")"
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt

arch=efficientnet_lite0_multi_level
best=model_best_$arch.pth
data="$out/mos"

train() { # NAME, flags: train into OUT/NAME unless that is done, continuing with what is there
    local name=$1
    shift
    [ -f "$out/$name/done" ] && return
    if [ -f "$out/$name/checkpoint_$arch.pth" ]; then
        "$python" main.py --train -a $arch --continue --checkpoint_dir "$out/$name"
    else
        "$python" main.py --train -a $arch --view patches --patches 1 --warmup 0 --schedule cosine -j 1 \
            --amp "${AMP:-no}" --save_every 50 --checkpoint_dir "$out/$name" --logdir "$out/logs" "$@"
    fi
    touch "$out/$name/done"
}

# in this order, by which the types of a photograph are drawn
types=aberration,blocks,blur_jpeg,blur_noise,brighten,chroma_noise,colour_blocks,colour_diffusion,
types+=colour_quantization,colour_shift,comfort_noise,contrast,correlated_noise,darken,denoise,
types+=dither,eccentricity,fastfading,gauss,gblur,high_noise,impulse,jitter,jp2k,jpeg,
types+=jpeg_errors,kadid_chroma,kadid_impulse,kadid_multiplicative,kadid_quantization,kadid_wn,
types+=lens_blur,masked_noise,mean_shift,motion_blur,multiplicative,noisy_jp2k,oversaturation,
types+=pixelate,quantization,saturation,sharpen,sparse_sampling,waterloo_gblur,waterloo_jp2k,
types+=waterloo_jpeg,waterloo_wn,wn

echo "== 1/6 distorted copies in the types of five publications with pseudo-MOS of full-reference metrics, and ranked pairs of the same"
"$python" utils/data_generate/live_generator.py --refs "$photos" --out "$data" --split 0.8 0.1 0.1 --set "$types" \
    --types_per_scene 8 --label regress
"$python" utils/data_generate/pairs_of_manifest.py --data "$data" --out "$out/pairs"
"$python" utils/data_generate/pairs_of_manifest.py --data "$data" --out "$out/ladders" --ladders

echo "== 2/6 rank"
train ck_rank --pretrained --criterion rank --data "$out/pairs" -b 60 --epochs 1 --lr 5e-4

echo "== 3/6 regress on the pseudo-MOS, from the rank model"
train ck_regress --resume "$out/ck_rank/$best" --criterion regress --rank_weight 1 --group_size 6 \
    --data "$out/ladders" -b 48 --epochs 6 --lr 1e-3 --ema 0.99

echo "== 4/6 calibrate: percentiles with five crops per image"
"$python" main.py --calibrate --resume "$out/ck_regress/$best" --patches 5 --data "$data" --checkpoint_dir "$out"
model="$out/calibrated_$arch.pth"

echo "== 5/6 evaluation on scenes that were never seen, and behaviour"
"$python" main.py -e --resume "$model" --data "$data" --logdir "$out/logs"
"$python" main.py -e --behaviour "$data/test/refimgs" --resume "$model" --logdir "$out/logs"

echo "== 6/6 half precision"
"$python" main.py --export half --resume "$model" --checkpoint_dir "$out" --data "$data" \
    --license "${LICENSE:-${LICENCE:-not stated}}" --provenance "${PROVENANCE:-z_task_shell/train_laboratory.sh}"
echo "$out/${arch}_half.pth: use it by --resume, or as START of train_default.sh"
