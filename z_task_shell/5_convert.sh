#!/usr/bin/env bash
# Convert a checkpoint to TorchScript, checkpoints/jit_{arch}.pt. Any flag of main.py may follow and wins.
#     bash z_task_shell/5_convert.sh --resume checkpoints/model_best_resnet18.pth
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" main.py --jit --resume checkpoints/model_best_efficientnet_b0.pth -g 0 "$@"
