#!/usr/bin/env bash
# Train by rank on all GPUs of this machine; on a machine without GPUs, in two processes on the CPU.
# For several machines run it on each, with --nodes N --rank K --init_method tcp://FIRST_MACHINE:23456.
#     bash z_task_shell/3_train_distributed.sh --epochs 10 -b 32
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 1.0 \
    --image_size 224 224 --warmup 5 --epochs 65 -b 192 -j 16 --nodes 1 --procs_per_node 2 --sync_bn "$@"
