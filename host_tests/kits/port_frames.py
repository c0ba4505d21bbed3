"""Frames of DL/T 645-2007 that real meters and their readers have exchanged, as published."""

# (request, answer, item that is read, its value). The first five are the published log of one
# meter ("DLT645-2007报文解析", a document about reading such frames, and the same log in a public
# Java client); then 68 45 92 ... from hootrhino/rhilex, TestCodec_DLT645_2007_Frame; 68 37 03 ...
# from DLT645FrameUtils.java of a public reader of meters; 68 25 04 ... from an introduction to the
# protocol with an example (553668.com/manong/786292.html).
CAPTURED = (
    ("68 61 01 00 00 00 00 68 11 04 33 33 34 33 14 16",
     "68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8A 16", "energy", "0.26"),
    ("68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 16",
     "68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16", "volts", "100.1"),
    ("68 61 01 00 00 00 00 68 11 04 33 34 35 35 18 16",
     "68 61 01 00 00 00 00 68 91 07 33 34 35 35 CC 7C 33 16 16", "amperes", "4.999"),
    ("68 61 01 00 00 00 00 68 11 04 33 33 36 35 18 16",
     "68 61 01 00 00 00 00 68 91 07 33 33 36 35 45 58 33 6B 16", "power", "0.2512"),
    ("68 61 01 00 00 00 00 68 11 04 33 33 39 35 1B 16",
     "68 61 01 00 00 00 00 68 91 06 33 33 39 35 34 38 09 16", "power-factor", "0.501"),
    ("68 45 92 66 23 00 10 68 11 04 33 34 34 35 25 16",
     "68 45 92 66 23 00 10 68 91 06 33 34 34 35 66 55 62 16", "volts", "223.3"),
    ("68 37 03 00 92 81 39 68 11 04 33 33 34 33 38 16",
     "68 37 03 00 92 81 39 68 91 08 33 33 34 33 37 33 33 33 8C 16", "energy", "0.04"),
    ("68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16",
     "68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16", "energy", "1206.42"),
)  # fmt: skip
METER_NO = 161  # of the first five
# Asking for the address, and two meters' answers (a public Go test; a public Java client).
ASK_ADDRESS = "FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16"
ADDRESSES = (
    ("68 01 00 00 00 00 00 68 93 06 34 33 33 33 33 33 9D 16", "000000000001"),
    ("FE FE FE FE 68 11 11 11 11 11 11 68 93 06 44 44 44 44 44 44 67 16", "111111111111"),
)
# A meter without the data that it is asked for (the same Java client).
NO_DATA = "FE FE FE FE 68 11 11 11 11 11 11 68 D1 01 35 3D 16"
