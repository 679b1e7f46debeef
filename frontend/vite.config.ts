import vue from '@vitejs/plugin-vue';
import { licenses } from './licenses.ts';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [vue(), licenses()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the page's policy allows no data: fonts or scripts
    modulePreload: { polyfill: false },
  },
  server: {
    // "npm run dev" beside a running "echolab serve". The guard refuses other origins, so the page's own is put in.
    proxy: { '/api': { target: process.env['ECHOLAB_UI'] ?? 'http://127.0.0.1:8089', changeOrigin: true, headers: { origin: '' } } },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
});
