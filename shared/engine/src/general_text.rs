//! The fixed general text on which forgetting is measured. It must never change: recorded runs refer to it.

/// Plain expository English written for this purpose, one passage a row.
pub const PASSAGES: [&str; 8] = [
    "Rivers carry sand and mud from the mountains to the sea. Where the water slows down, the heavier \
     grains settle first and the finest ones travel on, so that the bed of a river is sorted by size.",
    "A market works best when buyers can compare what is offered. If the quality of goods is hard to see \
     before they are paid for, good sellers leave and the price falls with the quality.",
    "The heart is a muscle the size of a fist. It pushes blood through the lungs, where it takes up oxygen, \
     and then through the rest of the body, about seventy times a minute.",
    "In the spring of that year the council voted to repair the old bridge instead of building a new one. \
     Work began in May and was finished before the first snow fell.",
    "To bake bread you need flour, water, salt and time. The dough is kneaded until it is smooth, left to \
     rise in a warm place, shaped, and put into a hot oven for half an hour.",
    "Light from the sun reaches the earth in about eight minutes. Most of it passes through the air \
     unchanged, but blue light is scattered more than red, which is why the sky looks blue.",
    "She closed the letter and looked out of the window. The train was late again, and nobody on the \
     platform seemed to know whether it would come at all.",
    "A list can be searched faster when it is sorted. Instead of looking at every entry, one looks at the \
     middle, decides which half the answer must be in, and repeats with that half.",
];
