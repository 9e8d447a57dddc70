"""Registry of known data sets: what each is, on whose terms, how to come by it, and how to convert it.

Every set is fetched by hand, from pages named by owner and title: no download behind an address was tried and its hash
taken. `crossglg.data.fetch` downloads from an address that the reader gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from crossglg.files import nearest

ASK = "Its page says what use is allowed; where it says nothing, ask the authors. Cite the paper."


@dataclass(frozen=True)
class Source:
    """A data set and how to get it.

    about: what it is;  paper: who describes it;  terms: the license or what its owner asks for, in a sentence or two;
    by_hand: the steps, in order, that end with its files in a folder called as the set;  format: its reader in
    `READERS`.
    """

    about: str
    paper: str
    terms: str
    by_hand: tuple[str, ...]
    format: str


SOURCES: dict[str, Source] = {
    "ntu": Source(
        about="NTU RGB+D 60 and 120: 120 actions, 106 subjects, three Kinect v2, 114,480 clips",
        paper="Shahroudy et al., CVPR 2016; Liu et al., IEEE TPAMI 2020",
        terms="Academic research only, on request and after signing the owner's agreement; no redistribution.",
        by_hand=(
            "Ask for access on the page 'Action Recognition Datasets' of ROSE Lab, Nanyang Technological University "
            "(rose1.ntu.edu.sg); the authors' repository shahroudy/NTURGB-D on GitHub leads there too.",
            "Download the 3-D skeletons only: nturgbd_skeletons_s001_to_s017.zip (NTU RGB+D 60) and "
            "nturgbd_skeletons_s018_to_s032.zip (what 120 adds).",
            "Put the zips into the folder ntu; they need not be unpacked.",
        ),
        format="ntu",
    ),
    "pku-mmd": Source(
        about="PKU-MMD I and II: 51 and 41 actions in continuous recordings, three Kinect v2",
        paper="Liu et al., PKU-MMD, ACM Multimedia workshop 2017",
        terms="For research. " + ASK,
        by_hand=(
            "Open the repository ECHO960/PKU-MMD on GitHub, by the dataset's authors at Peking University: its README "
            "links the data.",
            "Download the skeletons and the label files, of phase I, phase II or both.",
            "Unpack them into the folder pku-mmd, each phase for itself: pku-mmd/1/Skeleton/0002-L.txt, "
            "pku-mmd/1/Label/0002-L.txt.",
        ),
        format="pku-mmd",
    ),
    "kinetics-skeleton": Source(
        about="Kinetics-skeleton: OpenPose key points (18 joints, 2-D) of 300,000 Kinetics-400 videos",
        paper="Yan et al., Spatial temporal graph convolutional networks, AAAI 2018",
        terms="Made from Kinetics-400, whose terms hold too. " + ASK,
        by_hand=(
            "Open doc/SKELETON_DATA.md of the authors' repository open-mmlab/mmskeleton on GitHub; it links the "
            "download called Kinetics-skeleton (7.5 GB).",
            "Unpack it into the folder kinetics-skeleton: kinetics-skeleton/kinetics_train/*.json and "
            "kinetics-skeleton/kinetics_val/*.json.",
        ),
        format="kinetics-skeleton",
    ),
    "nw-ucla": Source(
        about="Northwestern-UCLA Multiview Action3D: 10 actions, 10 subjects, three Kinect v1",
        paper="Wang et al., Cross-view action modeling, learning and recognition, CVPR 2014",
        terms="For research. " + ASK,
        by_hand=(
            "The skeletons as JSON are those that the CTR-GCN family uses: the README of Uason-Chen/CTR-GCN on GitHub "
            "links them under NW-UCLA.",
            "Unpack the folder all_sqe into the folder nw-ucla: nw-ucla/a01_s01_e00_v01.json and so on.",
        ),
        format="nw-ucla",
    ),
    "utd-mhad": Source(
        about="UTD-MHAD: 27 actions, 8 subjects, Kinect v1, 861 clips",
        paper="Chen, Jafari, Kehtarnavaz, UTD-MHAD, ICIP 2015",
        terms="Free for research. " + ASK,
        by_hand=(
            "Open the page 'UTD Multimodal Human Action Dataset (UTD-MHAD)' of Nasser Kehtarnavaz at the University of "
            "Texas at Dallas.",
            "Download the skeleton data, one MATLAB file for each clip.",
            "Put them into the folder utd-mhad: utd-mhad/a1_s1_t1_skeleton.mat and so on.",
        ),
        format="utd-mhad",
    ),
    "msr-action3d": Source(
        about="MSR Action3D: 20 actions, 10 subjects, a depth sensor at 15 frames a second, 567 clips",
        paper="Li, Zhang, Liu, Action recognition based on a bag of 3D points, CVPR Workshops 2010",
        terms="For research. " + ASK,
        by_hand=(
            "Look for the page 'MSR Action Recognition Datasets' of the authors (Wanqing Li, University of Wollongong; "
            "Zicheng Liu, then Microsoft Research).",
            "Download the skeletons in real-world coordinates, MSRAction3DSkeletonReal3D.",
            "Unpack them into the folder msr-action3d: msr-action3d/a01_s01_e01_skeleton3D.txt and so on.",
        ),
        format="msr-action3d",
    ),
    "msr-daily": Source(
        about="MSRDailyActivity3D: 16 actions, 10 subjects, Kinect v1, 320 clips, half of them seated",
        paper="Wang, Liu, Wu, Yuan, Mining actionlet ensemble, CVPR 2012",
        terms="For research. " + ASK,
        by_hand=(
            "Look for the page 'MSR Action Recognition Datasets' or 'MSRDailyActivity3D Dataset' of the authors (Jiang "
            "Wang, Zicheng Liu, Ying Wu).",
            "Take the skeletons in real-world coordinates, files called a01_s01_e01_skeleton_proj.txt.",
            "Put them into the folder msr-daily.",
        ),
        format="msr-daily",
    ),
    "utkinect": Source(
        about="UTKinect-Action3D: 10 actions, 10 subjects, Kinect v1, 20 recordings of ten actions each",
        paper="Xia, Chen, Aggarwal, View invariant human action recognition, CVPR Workshops 2012",
        terms="For research. " + ASK,
        by_hand=(
            "Look for the page 'UTKinect-Action3D Dataset' of the Computer and Vision Research Center, University of "
            "Texas at Austin.",
            "Download the skeletal joint locations (files joints_s01_e01.txt …) and the labels, actionLabel.txt.",
            "Put all of them into the folder utkinect, actionLabel.txt beside the joints.",
        ),
        format="utkinect",
    ),
    "kinder-gator": Source(
        about="Kinder-Gator: 58 actions of 10 children and 10 adults, Kinect v1",
        paper="Aloba et al., Kinder-Gator: the UF Kinect database of child and adult motion, Eurographics 2018",
        terms="For research. " + ASK,
        by_hand=(
            "Look for the 'Kids Pose Project' of the INIT Lab (Lisa Anthony) and the Jain Lab (Eakta Jain), University "
            "of Florida; it leads to the dataset.",
            "Download the csv files, one for each motion.",
            "Put them into the folder kinder-gator: kinder-gator/POSE-p565_01-Raise-your-hand-1469182402284.csv and so "
            "on.",
        ),
        format="kinder-gator",
    ),
    "kard": Source(
        about="KARD: 18 activities, 10 subjects, Kinect with NITE, 15 joints",
        paper="Gaglio, Lo Re, Morana, Human activity recognition process using 3-D posture data, IEEE THMS 2015",
        terms=ASK,
        by_hand=(
            "Open data.mendeley.com/datasets/k28dtm7tr6/1, where the dataset is published.",
            "Take the texts whose names end in _realworld.",
            "Put them into the folder kard: kard/a01_s01_e01_realworld.txt and so on.",
        ),
        format="kard",
    ),
    "msrc12": Source(
        about="MSRC-12: 12 gestures, 30 subjects, Kinect v1, continuous recordings with the moments of the gestures",
        paper="Fothergill et al., Instructing people for training gestural interactive systems, CHI 2012",
        terms="Its document asks to cite the paper. " + ASK,
        by_hand=(
            "Look for the dataset of the paper's authors, called MicrosoftGestureDataset-RC; the repository "
            "corazza/pose on GitHub has a copy without a license file.",
            "Take the csv files and the tagstream files; without the second nobody knows where a gesture is.",
            "Put both into the folder msrc12: msrc12/P1_1_12A_p06.csv with msrc12/P1_1_12A_p06.tagstream beside it.",
        ),
        format="msrc12",
    ),
    "florence3d": Source(
        about="Florence 3D Actions: 9 actions, 10 subjects, Kinect with NITE, 15 joints, short clips",
        paper="Seidenari et al., Recognizing actions from depth cameras as weakly aligned multi-part bag-of-poses, "
        "CVPR Workshops 2013",
        terms=ASK,
        by_hand=(
            "Look for the dataset of the paper's authors; the repository "
            "Mabdou11/Activity-Recognition-skeleton-datasets on GitHub has a copy, in its folder florence, without "
            "a license file.",
            "Take the one text in world coordinates, which holds all clips.",
            "Put it into the folder florence3d: florence3d/Florence_dataset_WorldCoordinates.txt.",
        ),
        format="florence3d",
    ),
    "cad60": Source(
        about="CAD-60: daily activities of 4 subjects, Kinect with NITE, 15 joints, long recordings",
        paper="Sung et al., Human activity detection from RGBD images, AAAI workshop 2011",
        terms=ASK,
        by_hand=(
            "Look for the dataset of the paper's authors. Copies that were cut into windows of 90 frames are another "
            "format.",
            "Take the texts of the four persons and the activityLabel.txt of each.",
            "Put them into the folder cad60, a folder for each person: cad60/data1/activityLabel.txt with the texts of "
            "the recordings beside it.",
        ),
        format="cad60",
    ),
    "ui-prmd": Source(
        about="UI-PRMD: 10 rehabilitation movements, 10 subjects, Kinect v2 and Vicon",
        paper="Vakanski et al., A data set of human body movements for physical rehabilitation exercises, Data 2018",
        terms="Open Data Commons Public Domain Dedication and License 1.0, says the paper. Cite it.",
        by_hand=(
            "Look for the page 'UI-PRMD' of the University of Idaho (Aleksandar Vakanski); the paper in the journal "
            "Data links it.",
            "Download the segmented movements of the Kinect, positions and angles.",
            "Unpack them into the folder ui-prmd: m01_s01_e01_positions.txt, with m01_s01_e01_angles.txt beside it or "
            "in a folder Angles beside its own.",
        ),
        format="ui-prmd",
    ),
    "mars": Source(
        about="MARS, the Kinect side: 10 rehabilitation movements, 4 subjects, at the radar's 10 frames a second",
        paper="An, Ogras, MARS: mmWave-based assistive rehabilitation system for smart healthcare, ACM TECS 2021",
        terms=ASK,
        by_hand=(
            "Open the repository SizheAn/MARS on GitHub, by the authors.",
            "Take the folder synced_data/wooutlier: the csv files of the Kinect are in timesplit of each subject.",
            "Put them into the folder mars: mars/subject1/timesplit/… with kinect_data in the names.",
        ),
        format="mars",
    ),
    "bandai-namco": Source(
        about="Bandai-Namco-Research-Motiondataset 1 and 2: 17 and 10 contents in many styles, three actors, BVH",
        paper="no paper: Bandai Namco Research Inc., 2022",
        terms="Creative Commons, non-commercial: the file LICENSE in the folder of each dataset holds.",
        by_hand=(
            "Download or clone BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset on GitHub.",
            "Put the folder dataset of it into the folder bandai-namco.",
        ),
        format="bvh",
    ),
    "cmu-bvh": Source(
        about="CMU Graphics Lab Motion Capture Database, as BVH: some 2,500 motions of 144 subjects",
        paper="no paper: mocap.cs.cmu.edu, created with funding from NSF EIA-0196217, which is to be acknowledged",
        terms="Free for all uses, also in products that are sold; the data itself may not be resold, even converted.",
        by_hand=(
            "mocap.cs.cmu.edu has other formats; its front page names the BVH conversions of Bruce Hahne (cgspeed), "
            "for MotionBuilder and for 3ds Max. Either is read.",
            "Unpack the BVH files into the folder cmu-bvh.",
            "Put an index of the motions, if you have it as cmu_trial_descriptions.csv, beside them: it names the "
            "classes.",
        ),
        format="bvh",
    ),
}


def get_source(name: str) -> Source:
    """A registered data set; raises ValueError with the valid names."""
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}{nearest(name, SOURCES)} Data sets: {', '.join(SOURCES)}")
    return SOURCES[name]


def description(name: str) -> str:
    """What there is to know of a data set before it is fetched, and the command that converts it afterwards."""
    source = get_source(name)
    lines = [f"{name}: {source.about}", f"paper    {source.paper}", f"terms    {source.terms}", "by hand"]
    lines += [f"  {number}. {step}" for number, step in enumerate(source.by_hand, start=1)]
    return "\n".join([*lines, f"then     {convert_command(name)}"])


def convert_command(name: str) -> str:
    """The command line that makes a `.npz` of the folder called as the set."""
    return f"crossglg data convert {name} --format {get_source(name).format} --output {name}.npz"
