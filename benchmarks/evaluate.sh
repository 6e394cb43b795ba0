#!/usr/bin/env bash
# Measure the methods on the public data sets and append the rows to benchmarks/evaluate.csv. docs/evaluate.md describes
# where the data sets are searched; LPIPS needs its weights in $REFOCAL_WEIGHTS. Takes about an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

measure() {  # METHOD DATA METRICS [FLAG ...]
  .venv/bin/refocal evaluate --method "$1" --data "$2" --metrics "$3" --csv benchmarks/evaluate.csv "${@:4}"
}

real="pixel4_dp/4 pixel4_dp/2 pixel4_dp lytro_pairs lytro_pairs/2"
for data in $real camera_synthetic kodak24:disk:2.5 kodak24:none cid22:none; do
  for method in identity default fast; do
    measure "$method" "$data" psnr,ssim,mae
  done
  measure classical "$data" psnr,ssim,mae --estimator zhuo-sim
done
for data in pixel4_dp/4 pixel4_dp/2 camera_synthetic; do
  for method in identity default fast defocusgan defocusgan-no-gan; do
    measure "$method" "$data" lpips
  done
  measure classical "$data" lpips --estimator zhuo-sim
done
measure identity kodak24:mean5 psnr,ssim,q
for method in defocusgan defocusgan-no-gan unsharp-mask; do
  for data in pixel4_dp/4 pixel4_dp/2 lytro_pairs camera_synthetic; do
    measure "$method" "$data" psnr,ssim,mae
  done
done
for method in wiener richardson-lucy hyper-laplacian svbr-net; do
  for data in pixel4_dp/4 pixel4_dp/2 lytro_pairs camera_synthetic; do
    measure "$method" "$data" psnr,ssim,mae --estimator zhuo-sim
  done
done
for method in wiener richardson-lucy hyper-laplacian unsharp-mask; do
  measure "$method" kodak24:disk:2.5 psnr,ssim,mae --estimator zhuo-sim
done
# The most exact maps, on the set whose blur is nearest to their training data.
for method in richardson-lucy hyper-laplacian svbr-net; do
  measure "$method" camera_synthetic psnr,ssim,mae --estimator dandres
done
