#!/usr/bin/env bash
# Measure the methods on the public data sets and keep the rows. The folder of data sets is found by $REFOCAL_DATA, ./data or
# ../shared/data/test. Takes about an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
refocal=.venv/bin/refocal
rows=benchmarks/evaluate.csv
for data in pixel4_dp/4 pixel4_dp/2 pixel4_dp lytro_pairs lytro_pairs/2 kodak24:disk:2.5 kodak24:none; do
  for method in identity default unsharp-mask wiener richardson-lucy hyper-laplacian; do
    "$refocal" evaluate --method "$method" --data "$data" --metrics psnr,ssim,mae --csv "$rows"
  done
done
"$refocal" evaluate --method identity --data kodak24:mean5 --metrics psnr,ssim,q --csv "$rows"
