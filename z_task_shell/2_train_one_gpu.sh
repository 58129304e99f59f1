#!/usr/bin/env bash
# Train by rank on one GPU, or on the CPU where there is none. Any flag of main.py may follow and wins.
#     bash z_task_shell/2_train_one_gpu.sh --epochs 10 -b 32
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 1.0 \
    --image_size 224 224 --warmup 5 --epochs 65 -b 384 -j 16 --gpus 1 --nodes 1 "$@"
