import type { LibraryRow } from './cells.ts';

/** Dataset/network, then the latency in ms of one image at 1 to 10 instances. */
const teslaP40 = `
Caltech/Inc-V1 9.747 10.694 13.412 16.847 20.962 25.218 29.355 33.521 37.687 41.860
Caltech/Mob-V1-1 5.885 5.060 4.906 6.431 8.031 9.611 11.223 12.785 14.398 16.046
Caltech/Mob-V1-05 5.382 4.542 4.449 4.207 4.660 5.573 6.501 7.391 8.388 9.254
Caltech/Mob-V1-025 5.199 4.522 3.971 4.521 3.569 4.289 4.967 5.650 6.414 7.234
Caltech/Mob-V2-1 7.131 7.188 10.152 12.481 12.948 14.790 17.180 19.569 22.011 24.440
Caltech/Mob-V2-14 7.374 8.840 10.353 13.026 16.246 19.523 22.746 25.930 29.187 32.379
Imagenet/Inc-V1 10.010 10.697 14.340 16.828 21.034 25.193 29.395 33.549 37.706 41.885
Imagenet/Inc-V2 10.427 14.170 18.386 23.541 29.371 35.248 41.054 46.936 52.884 58.652
Imagenet/Mob-V1-1 10.361 9.646 8.765 6.536 8.022 9.659 11.267 12.937 14.571 16.134
Imagenet/Mob-V1-05 9.946 9.268 8.539 6.574 4.852 5.660 6.637 7.610 8.463 9.703
Imagenet/Mob-V1-025 9.746 8.906 8.348 6.639 5.373 4.895 5.200 5.824 7.028 7.271
Imagenet/Mob-V2-1 10.077 9.187 10.201 11.858 13.032 14.769 17.135 19.594 22.155 27.778
Imagenet/Mob-V2-14 10.345 8.857 10.469 13.075 16.233 19.466 22.721 25.909 28.757 31.969
Imagenet/NAS-Mob 28.362 26.243 29.091 36.983 40.729 47.477 55.179 63.073 70.942 78.776
Imagenet/PNAS-Mob 22.289 26.950 25.299 30.630 37.983 45.547 52.292 59.423 65.781 72.577
Imagenet/Res-V2-50 10.848 15.895 22.109 29.112 36.280 43.490 50.981 58.034 65.559 72.712
DHF1K/DeePVS 977.021 1165.074 1571.347 1866.944 2169.818 3055.067 3714.256 3781.353 5361.818 6100.776
LEDOV/DeePVS 1102.568 1245.065 1628.898 2330.027 2313.738 2538.419 3373.943 4711.311 5037.570 5282.033
`;

/**
 * The networks of the paper (arXiv 2308.13803) on a Tesla P40, as its authors measured them: mean
 * latency of one image at 1 to 10 instances, serial preprocessing included. From
 * DNNs_Latency_Instance.xlsx of github.com/nabavinejad/DNNScaler; the same as
 * data/p40-latency-by-instances.csv, but here so that no file is needed at run time.
 */
export const p40Networks: readonly LibraryRow[] = teslaP40
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', ...latenciesMs] = line.split(' ');
    return { name, cells: new Map(latenciesMs.map((ms, i) => [i + 1, Number(ms)])) };
  });
