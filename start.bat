@echo off
rem Starts odysseus with this folder as its HOME: bin\, models\, logs\ and data\ lie here, and nothing anywhere else.
rem
rem   start.bat [odysseus options]
rem
rem An odysseus.exe beside this file is used as it is; so is a released odysseus-windows-x64.exe in dist\ or beside this file,
rem when SHA256SUMS in the same folder names its digest. Else the first run builds one: that needs Visual Studio 2022 with
rem "Desktop development with C++" (it brings CMake, Ninja and vcpkg). The exit code is odysseus's.
setlocal EnableExtensions
set "ROOT=%~dp0"
if "%ROOT:~-1%"=="\" set "ROOT=%ROOT:~0,-1%"
set "PROGRAM=%ROOT%\odysseus.exe"
if exist "%PROGRAM%" goto run
if exist "%ROOT%\build\release" goto own
set "FOLDER=%ROOT%\dist"
call :released && goto run
set "FOLDER=%ROOT%"
call :released && goto run
:own
set "PROGRAM=%ROOT%\build\release\odysseus.exe"

rem The compiler: this shell's own, or the newest Visual Studio's.
where cl >nul 2>nul && goto tools
set "VSWHERE=%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe"
if not exist "%VSWHERE%" goto needs
for /f "usebackq delims=" %%d in (`"%VSWHERE%" -latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath`) do set "VS=%%d"
if not defined VS goto needs
call "%VS%\Common7\Tools\VsDevCmd.bat" -arch=amd64 -host_arch=amd64 -no_logo || goto needs

:tools
where cmake >nul 2>nul || goto needs
where ninja >nul 2>nul || goto needs
if not defined VCPKG_ROOT goto needs
if exist "%ROOT%\build\release\build.ninja" goto build
echo start.bat: setting up the build; the first time, vcpkg builds the libraries ^(some minutes^) 1>&2
pushd "%ROOT%" || exit /b 1
cmake --preset release "-DCMAKE_TOOLCHAIN_FILE=%VCPKG_ROOT%\scripts\buildsystems\vcpkg.cmake" 1>&2
set "FAILED=%ERRORLEVEL%"
popd
if not "%FAILED%"=="0" exit /b 1

:build
cmake --build "%ROOT%\build\release" 1>&2
if errorlevel 1 exit /b 1

:run
if defined ODYSSEUS_HOME (
    "%PROGRAM%" %*
) else (
    "%PROGRAM%" --home "%ROOT%" %*
)
exit /b %ERRORLEVEL%

:needs
echo start.bat: put odysseus-windows-x64.exe and SHA256SUMS of a release beside this file, or install what a build needs: Visual Studio 2022 with "Desktop development with C++", CMake, Ninja and vcpkg ^(VCPKG_ROOT names its folder^) 1>&2
exit /b 1

rem Sets PROGRAM to the released program in FOLDER; fails where there is none, or another than SHA256SUMS names.
:released
set "PROGRAM=%FOLDER%\odysseus-windows-x64.exe"
if not exist "%PROGRAM%" exit /b 1
set "WANTED="
for /f "usebackq tokens=1,2" %%a in ("%FOLDER%\SHA256SUMS") do if "%%b"=="odysseus-windows-x64.exe" set "WANTED=%%a"
if defined WANTED certutil -hashfile "%PROGRAM%" SHA256 | findstr /i /c:"%WANTED%" >nul && exit /b 0
echo start.bat: %PROGRAM% is not the file that SHA256SUMS beside it names: it is not used 1>&2
exit /b 1
