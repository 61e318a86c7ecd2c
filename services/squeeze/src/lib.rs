//! Who is short, how crowded, how hard to get out?.
