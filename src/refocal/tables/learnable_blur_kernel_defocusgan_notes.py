"""Protocol, notes and footnotes of the tables of learnable_blur_kernel_defocusgan."""

PAPER = '"Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023'

PICTURES = (
    "**The paper's pictures** are the 76 test photos of DPDD, 37 indoors and 39 outdoors. With the set in the data "
    "root they are measured here: 16-bit files, all pixels and channels, nothing rounded. For the indoor and outdoor "
    "columns put a file `indoor.txt` beside its folders that names the photos taken indoors, one on a line, by file "
    "name or by place in the sorted list, counted from 1. The set doesn't say which they are.",
    "**`pixel4_dp/4`, `pixel4_dp/2`**: 8 real scenes of a Pixel 4 with all-in-focus images, reduced by 4 and by 2. "
    "Green only, in display values; gain and offset are fitted to the sharp image, 16 px along the edges are left "
    "out. The figures of each scene are below, and in the CSV file.",
    "**`kodak24_dp`**: the central 384 × 256 px of 24 Kodak photos behind a simulated dual-pixel sensor: planes and "
    "shapes in front of each other, radii up to 8 px, rings as kernels, noise of 0.005. The radii are known exactly. "
    "The lens is that of the training, so this set is the easier one.",
    "Where a cell has a second figure in another set's table, it is the paper's for all of DPDD: **other pictures**. "
    "Compare the order of the lines, not the decibels.",
    "PSNR: mean of the decibels of each image. SSIM: uniform window of 7 × 7 px. LPIPS v0.1, SqueezeNet: the network "
    "whose features the perceptual loss of our training uses, which favours weights trained with it. Images are scored "
    "as floating-point numbers. Time: median seconds per image on the CPU that measured, without the map's estimation.",
)
MAP_PROTOCOL = (
    "The deconvolution gets maps as radii of disks, on the stored values; it is `hyper-laplacian` with a weight of "
    "500. The paper doesn't say which method, kernel or weight it uses; these were chosen on four scenes of "
    "`pixel4_dp/4` under the set's own map.",
    "Rank correlation: Spearman's rho between the estimated and the known radii. The map of `pixel4_dp` has a unit of "
    "its own, 0 meaning unknown. It is used as it is: in all 8 scenes everything lies behind the plane of focus, and "
    "the parallax between the views grows in proportion to the map, from 0 at a map of about 0. Only known pixels "
    "count.",
)
TRAINING_NOTE = (
    "The paper trains on 7,000 patches of DPDD for 90 epochs. Our weights were trained on simulated dual-pixel photos "
    "for another number of steps; their cards state it. No photo of `pixel4_dp` or of the Kodak suite was among them."
)
MIXED_FOOTNOTE = (
    "These weights are not those of one training: 0.8 of weights trained with L1 only, and 0.2 of weights trained 500 "
    "steps more with the perceptual and the adversarial loss. The mix was chosen on `pixel4_dp/4`."
)
DUAL_PIXEL_FOOTNOTE = (
    "Not unsupervised: 70 % of these weights were trained on true maps, 30 % went on without. The mix, the smoothing "
    "of the map, the simulated lens and the number of steps were chosen on `pixel4_dp/4`, which scores them here."
)
NOTES = {
    1: (
        "`default` and `fast` are refocal's own networks for photos whose blur is unknown; `classical` is a "
        "deconvolution with the map that `default` predicts.",
        "Parameters of ours are those of the networks in refocal, where a test counts them. The released program of "
        "the paper has 4.86 million, and so have our weights; with the lighter joints between the scales that are the "
        "nearest reading of the published 4.59 million it is the line of the light glue.",
        "DMENet is counted with the branches that only its training uses, as in the paper. The authors' DPDNet for one "
        "photo has 31.03 million parameters, not 35.25.",
    ),
    2: ("The published LPIPS of DPDNet is the literature's, of AlexNet; the others are of SqueezeNet.",),
    3: (
        "Ours and BaMBNet take both views of a photo, the other estimators one photo. The true map is known for "
        "`kodak24_dp` only; it is given with the rings that blurred the photos, the estimated ones as disks.",
    ),
    4: (
        "The paper's text has lost which parts each line has, except the last one's; the parts are taken to be added "
        "in the order of the columns.",
        "No ablation is shipped. A row runs only weights that were trained with exactly the terms that it names: the "
        "shipped `defocusgan-no-gan` was trained without the perceptual loss, and the shipped `defocusgan` is a mix of "
        "two trainings, so their rows are not trained. Table 1 has the figures of both.",
        "Train one, export it, and name the folder of its file with --weights-dir: defocusgan-base.onnx (one scale, no "
        "RCAB, no guidance, L1), defocusgan-rcab.onnx, defocusgan-guided.onnx, defocusgan-multi-scale.onnx, "
        "defocusgan-no-gan.onnx, defocusgan.onnx.",
    ),
    5: (
        "The published line of the Gaussian kernels is that of BaMBNet in Table 3, figure by figure.",
        "Only the learned kernels' map is shipped. Train another, export it, and name the folder of "
        "dual-pixel-map-gaussian.onnx or dual-pixel-map-butterworth.onnx with --weights-dir.",
    ),
    6: (
        "The published lines are those of networks without the perceptual loss, to judge by their LPIPS. The last line "
        "is not in the paper; the shipped `defocusgan` is a mix of two trainings, so it is not trained either.",
        "Train a line's network, export it, and name the folder of its file with --weights-dir: deblurgan-v2.onnx, "
        "defocusgan-original-loss.onnx, defocusgan-double-loss.onnx, defocusgan-defocus-loss.onnx, defocusgan.onnx.",
    ),
}
"""Number of the table -> its notes."""
