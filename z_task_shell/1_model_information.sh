#!/usr/bin/env bash
# What a model is made of: parameters, multiply-adds, shapes, size, latency. Any flag of main.py may follow.
#     bash z_task_shell/1_model_information.sh --arch resnet18
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" main.py --arch efficientnet_b0 --num_classes 6 --image_size 244 224 "$@"
