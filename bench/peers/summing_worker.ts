/** A Worker that adds up the numbers that it is sent, alone or in lists, and says the sum when it is asked. */
let sum = 0;

self.onmessage = ({ data }: MessageEvent<number | number[] | null>) => {
  if (typeof data === "number") sum += data;
  else if (data === null) {
    self.postMessage(sum);
    sum = 0;
  } else for (const value of data) sum += value;
};
self.postMessage("ready");
