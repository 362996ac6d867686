/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The address of natsgate, for `npm run build` and `npm run dev`. */
  readonly VITE_GATEWAY?: string;
}
