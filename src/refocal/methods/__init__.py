"""Methods: image (and its blur) in, restored image out; one file each.

A new method is one file and one line here; the line alone gives its row in ``refocal methods``, its flags in
``refocal deblur --method NAME`` and every test of the contract suite.
"""

from refocal.catalog import Entry

DEFAULT_WITH_BLUR = "classical"
"""Who tells the blur, but names no method, wants it undone: the default one sees the blur itself and takes none."""

METHODS: dict[str, Entry] = {
    "default": Entry("refocal.methods.focus:Focus", "a network of refocal's own, which tells the blur as well"),
    "fast": Entry(
        "refocal.methods.focus:Focus",
        "a smaller one of its kind, in two thirds of the time",
        "",
        "",
        {"weights": "fast"},
    ),
    # Chosen on photos of known sharpness, see docs/log.md.
    "classical": Entry(
        "refocal.methods.hyper_laplacian:HyperLaplacian",
        "hyper-laplacian under an estimated blur map, held back where the map is unsure",
        "blur",
        "Zhuo & Sim 2011, Krishnan & Fergus 2009",
        {"weight": 1000.0, "softening": 0.4},
    ),
    "identity": Entry("refocal.methods.identity:Identity", "the photo as it is, the baseline of every table"),
    "unsharp-mask": Entry("refocal.methods.unsharp_mask:UnsharpMask", "add back what a Gaussian blur takes away"),
    "wiener": Entry("refocal.methods.wiener:Wiener", "linear inverse, regularised", "blur", "Wiener 1949"),
    "richardson-lucy": Entry(
        "refocal.methods.richardson_lucy:RichardsonLucy",
        "multiplicative iterations, Poisson noise",
        "blur",
        "Richardson 1972, Lucy 1974",
    ),
    "hyper-laplacian": Entry(
        "refocal.methods.hyper_laplacian:HyperLaplacian",
        "sparse-gradient prior, half-quadratic splitting",
        "blur",
        "Krishnan & Fergus 2009",
    ),
    "levin-sparse": Entry(
        "refocal.methods.levin_sparse:LevinSparse",
        "sparse gradients, reweighted least squares, a map inverted whole",
        "blur",
        "Levin et al. 2007",
    ),
    "levin-krishnan": Entry(
        "refocal.methods.levin_krishnan:LevinKrishnan",
        "hyper-laplacian per disk level, nearest level composed",
        "blur",
        "Levin et al. 2007, Krishnan & Fergus 2009",
    ),
    "zhang-superpixel": Entry(
        "refocal.methods.zhang_superpixel:ZhangSuperpixel",
        "one hyper-laplacian per superpixel (stand-in for BM3D), milder where it errs",
        "blur",
        "Zhang et al. 2016",
    ),
    # Fewer iterations than the 250, 250 and 100 of the tables, which are for pictures without noise: on photos those
    # would raise the noise above the blur.
    "landweber-accelerated": Entry(
        "refocal.methods.landweber_accelerated:LandweberAccelerated",
        "Landweber's iteration for any blur function (aL)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 30},
    ),
    "richardson-lucy-modified": Entry(
        "refocal.methods.richardson_lucy_modified:RichardsonLucyModified",
        "Richardson-Lucy both ways round, for any blur function (mRL)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 15},
    ),
    "levenberg-marquardt-modified": Entry(
        "refocal.methods.levenberg_marquardt_modified:LevenbergMarquardtModified",
        "damped inverse, transfer function estimated anew, for any blur function (mLM)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 5},
    ),
    "red-fixed-point": Entry(
        "refocal.methods.red_fixed_point:RedFixedPoint",
        "regularisation by denoising, each step a regularised inverse (RED-FP)",
        "blur",
        "Romano et al. 2017",
        {"num_iter": 30},
    ),
    "red-steepest-descent": Entry(
        "refocal.methods.red_steepest_descent:RedSteepestDescent",
        "regularisation by denoising, by steepest descent (RED-SDM)",
        "blur",
        "Romano et al. 2017",
        {"num_iter": 60},
    ),
    "ddnet": Entry(
        "refocal.methods.ddnet:DDNet",
        "a network that fills in what one known blur wiped out",
        "psf",
        "Lopez-Tapia et al. 2023",
    ),
    "sharpness-unet": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, sharpness loss, beta 0.01",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0.01"},
    ),
    "sharpness-unet-beta-0": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, L1 alone",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0"},
    ),
    "sharpness-unet-beta-0.1": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, sharpness loss, beta 0.1",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0.1"},
    ),
    "svbr-net": Entry(
        "refocal.methods.svbr_net:SVBRNet",
        "a network told the blur map, right or wrong; radii up to 6 px",
        "map",
        "Karaali & Jung 2022",
    ),
    "svbr-net-gtb": Entry(
        "refocal.methods.svbr_net:SVBRNet",
        "the same, trained on exact maps only: shows what wrong maps cost",
        "map",
        "Karaali & Jung 2022",
        {"weights": "svbr-net-gtb"},
    ),
    "defocusgan": Entry(
        "refocal.methods.defocusgan:DefocusGAN",
        "a network that was guided by blur maps while it learned, with adversarial detail",
        "",
        "Zhai et al. 2023",
    ),
    "defocusgan-no-gan": Entry(
        "refocal.methods.defocusgan:DefocusGAN",
        "the same without the adversarial loss",
        "",
        "Zhai et al. 2023",
        {"weights": "defocusgan-no-gan"},
    ),
}
