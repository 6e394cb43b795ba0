#!/usr/bin/env bash
# Measure the methods on the public data sets and add the rows to benchmarks/evaluate.csv. The data sets are looked for as
# docs/evaluate.md says. Takes about half an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

measure() {  # METHOD DATA METRICS [FLAG ...]
  .venv/bin/refocal evaluate --method "$1" --data "$2" --metrics "$3" --csv benchmarks/evaluate.csv "${@:4}"
}

for data in pixel4_dp/4 pixel4_dp/2 pixel4_dp lytro_pairs lytro_pairs/2 camera_synthetic kodak24:disk:2.5 kodak24:none cid22:none; do
  for method in identity default fast; do
    measure "$method" "$data" psnr,ssim,mae
  done
  measure classical "$data" psnr,ssim,mae --estimator zhuo-sim
done
for data in pixel4_dp/4 pixel4_dp/2 camera_synthetic; do
  for method in identity default fast defocusgan; do
    measure "$method" "$data" lpips
  done
done
measure identity kodak24:mean5 psnr,ssim,q
for data in pixel4_dp/4 pixel4_dp/2 lytro_pairs camera_synthetic kodak24:disk:2.5; do
  measure unsharp-mask "$data" psnr,ssim,mae
  for method in wiener richardson-lucy hyper-laplacian; do
    measure "$method" "$data" psnr,ssim,mae --estimator zhuo-sim
  done
done
