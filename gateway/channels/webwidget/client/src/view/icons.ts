// Line drawings, 24 by 24.

export const SEND = "M12 19V5m-6 6 6-6 6 6";
export const CLIP = "M6 8v8a6 6 0 0 0 12 0V7a4 4 0 0 0-8 0v9a2 2 0 0 0 4 0V8";
export const CLOSE = "m6 6 12 12M18 6 6 18";
export const BACK = "M19 12H5m6-6-6 6 6 6";
export const CLOCK = "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z";
export const SPARK = "m12 4 2.5 5.5L20 12l-5.5 2.5L12 20l-2.5-5.5L4 12l5.5-2.5Z";
export const PERSON = "M5 20a7 7 0 0 1 14 0m-3-12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z";
export const PAPER = "M13 4H6v16h12V9Zm0 0v5h5";
export const DOWN = "M12 5v14m-6-6 6 6 6-6";
export const STAR = "m12 4 2.5 5 5.5.8-4 4 1 5.5-5-2.6-5 2.6 1-5.5-4-4L9.5 9Z";
