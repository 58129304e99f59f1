#!/usr/bin/env bash
# Evaluate a checkpoint on data/test. Any flag of main.py may follow and wins.
#     bash z_task_shell/4_evaluate.sh --resume checkpoints/model_best_resnet18.pth
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" main.py --data data -e --resume checkpoints/model_best_efficientnet_b0.pth "$@"
