#!/usr/bin/env bash
# Measure the methods on the public data sets and add the rows to benchmarks/evaluate.csv. The data sets are looked for as
# docs/evaluate.md says. Takes about half an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

measure() {  # METHOD DATA METRICS
  .venv/bin/refocal evaluate --method "$1" --data "$2" --metrics "$3" --csv benchmarks/evaluate.csv
}

for data in pixel4_dp/4 pixel4_dp/2 pixel4_dp lytro_pairs lytro_pairs/2 kodak24:disk:2.5 kodak24:none; do
  for method in identity default; do
    measure "$method" "$data" psnr,ssim,mae
  done
done
measure identity kodak24:mean5 psnr,ssim,q
for method in unsharp-mask wiener richardson-lucy hyper-laplacian; do
  for data in pixel4_dp/4 pixel4_dp/2 lytro_pairs kodak24:disk:2.5; do
    measure "$method" "$data" psnr,ssim,mae
  done
done
